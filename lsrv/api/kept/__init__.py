"""What is kept of answers, for APIs whose clients come back to them."""

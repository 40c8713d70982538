"""The prefix cache: which tokens have cells or saved states somewhere, and how a prompt gets at them."""

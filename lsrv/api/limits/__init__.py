"""How much one caller may ask for in a minute."""

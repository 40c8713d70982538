"""What somebody probably meant who wrote what is no models.toml: words of other servers, slips of the keyboard."""

"""What lsrv keeps on this disk: its cache folder, the weights it made, how files are written whole."""

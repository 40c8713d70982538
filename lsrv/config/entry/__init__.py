"""The tables of a [[models]] entry; the entry itself is `config/model`."""

"""The demo: a simulated city, recipes for its files, and real purchases as an optional extra. No Django here."""

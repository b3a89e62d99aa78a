"""The JSON API, one file for each topic. Each class there is given what it needs and adds its routes with their
access."""

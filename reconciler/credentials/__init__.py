"""Keys of this host, what is sealed for them, and logins of registries. The only room that imports pyrage."""

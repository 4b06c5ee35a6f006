"""Events as messages to an address that the user names, by HTTP, sent until they are delivered."""

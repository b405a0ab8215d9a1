"""The published language of Mercadito, and the kit for services that speak it."""

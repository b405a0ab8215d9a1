"""Driving a running Mercadito from outside, by what it promises to users, operators and integrators."""

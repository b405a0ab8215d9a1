"""The gateway beside plain nginx, HAProxy and Caddy: what a restart costs, in which order people go on, what all is well costs."""

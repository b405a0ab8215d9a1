"""The gateway beside plain nginx, HAProxy and Caddy: restarts, order, and what it costs while all is well."""

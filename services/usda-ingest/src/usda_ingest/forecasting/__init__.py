"""How a series has moved and may move: computed in a process of its own, with numpy; read by everybody without it."""

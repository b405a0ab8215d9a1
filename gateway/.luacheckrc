std = "ngx_lua"
max_line_length = 140
files["spec"] = { std = "+ngx_lua" }

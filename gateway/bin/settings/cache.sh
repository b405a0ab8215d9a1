# The micro-cache and compression; sourced by bin/start.

cache() {
    whole GATEWAY_CACHE_S 0 10 1 CACHE_S
    whole GATEWAY_CACHE_MB 1 1024 16 CACHE_MB
    CACHE_PATH="" CACHE=""
    if [ "$CACHE_S" != 0 ]; then
        # 2 MB hold about 16,000 answers. nginx's cache manager looks at the size when the oldest one is 10 s old, every 10 s at least.
        CACHE_PATH="proxy_cache_path $STATE_DIR/tmp/cache levels=1:2 keys_zone=hot:2m max_size=${CACHE_MB}m inactive=10s use_temp_path=off;"
        CACHE="proxy_cache_valid 200 ${CACHE_S}s; include $home/conf/cache.conf;"
    fi
    on_or_off GATEWAY_BROTLI on BROTLI_WANTED
    export CACHE_PATH CACHE
}

# After find_nginx, which knows whether the module is there.
compress_with_brotli() {
    BROTLI=""
    if [ "$BROTLI_WANTED" = on ] && [ -n "$HAS_BROTLI" ]; then
        BROTLI="include $home/conf/brotli.conf;"
    fi
    export BROTLI
}

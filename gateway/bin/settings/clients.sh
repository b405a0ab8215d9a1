# Who may say on whose behalf a request comes: the proxies in front; sourced by bin/start.

network4="$octet(\\.$octet){3}(/([0-9]|[12][0-9]|3[0-2]))?"
network6='[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?'

clients() {
    # Without proxies nobody's address need be looked up.
    TRUSTED_PEERS='map ""' TRUSTED_NETWORKS="" TRUSTED_FROM=""
    export TRUSTED_PEERS TRUSTED_NETWORKS TRUSTED_FROM
    [ -n "${GATEWAY_TRUSTED_PROXIES:-}" ] || return 0
    TRUSTED_PEERS='geo $realip_remote_addr'
    matching GATEWAY_TRUSTED_PROXIES "($network4|$network6)(,($network4|$network6))*" \
        "a list of addresses or networks (10.0.0.0/8,fd00::/8)" "" TRUSTED_PROXIES
    case ",$TRUSTED_PROXIES," in
        */0,*) problem "GATEWAY_TRUSTED_PROXIES trusts everybody, so that every client could name itself: $TRUSTED_PROXIES" ;;
    esac
    for network in $(printf %s "$TRUSTED_PROXIES" | tr , ' '); do
        TRUSTED_NETWORKS="$TRUSTED_NETWORKS$network 1; "
        TRUSTED_FROM="${TRUSTED_FROM}set_real_ip_from $network; "
    done
}

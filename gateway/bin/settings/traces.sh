# Where spans go, and of how many requests; sourced by bin/start.

traces() {
    whole TRACE_PERCENT 0 100 100 PERCENT
    TRACE_SHARE='map "" $trace_flag { default 00; }' COLLECTOR_HOST="" COLLECTOR_PORT=0
    export TRACE_SHARE COLLECTOR_HOST COLLECTOR_PORT
    [ -n "${OTEL_EXPORTER_OTLP_ENDPOINT:-}" ] || return 0
    # Plain HTTP inside: a collector that is elsewhere is reached by one beside us.
    matching OTEL_EXPORTER_OTLP_ENDPOINT 'http://[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?:[0-9]{1,5}/?' "http://host:port" "" COLLECTOR
    place=${COLLECTOR#http://} place=${place%/}
    COLLECTOR_HOST=${place%:*} COLLECTOR_PORT=${place##*:}
    port OTEL_EXPORTER_OTLP_ENDPOINT "$COLLECTOR_PORT"
    case ${PERCENT:-0} in
        0) ;;
        100) TRACE_SHARE='map "" $trace_flag { default 01; }' ;;
        *) TRACE_SHARE="split_clients \$request_id \$trace_flag { $PERCENT% 01; * 00; }" ;;
    esac
}

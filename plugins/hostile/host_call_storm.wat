;; Calls the host without end. The limit on host calls ends it long before fuel does.
;;! on_request: limit
;;! reason: policies.limits.host_calls
(module
  (import "router_v1" "now_ms" (func $now (result i64)))
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (loop $again (drop (call $now)) (br $again))
    unreachable))

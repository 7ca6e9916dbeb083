;; A start section that never ends. It runs as metered code, on the fuel that a plugin
;; has to start with.
;;! refused: policies.limits.init_fuel
;;! cpu: 8s
(module
  (memory (export "memory") 1)
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "on_request") (result i32) (i32.const 0)))

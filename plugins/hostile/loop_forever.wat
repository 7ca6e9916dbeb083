;; A loop that never ends. Fuel ends it.
;;! on_request: fuel
;;! reason: policies.limits.fuel
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (loop $again (br $again))
    unreachable))

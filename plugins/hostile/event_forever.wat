;; A loop that never ends, at every event of every stream. Events have less fuel
;; than other hooks, and it is that which ends it.
;;! on_event: fuel
;;! reason: policies.limits.event_fuel
(module
  (memory (export "memory") 1)
  (func (export "on_event") (result i32)
    (loop $again (br $again))
    unreachable))

;; Imports a host function with a parameter less than it has: who trusts it reads the
;; stack of somebody else.
;;! refused: it imports router_v1.json_get as (i32) -> i32, expected
(module
  (import "router_v1" "json_get" (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "on_request") (result i32) (i32.const 0)))

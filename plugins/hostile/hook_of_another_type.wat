;; Hooks that take and return what hooks do not.
;;! refused: it exports on_request as (i32) -> i32, expected () -> i32
(module
  (memory (export "memory") 1)
  (func (export "on_request") (param i32) (result i32) (i32.const 0))
  (func (export "on_done"))
  (func (export "_initialize") (result i64) (i64.const 0))
  (global (export "on_route") i32 (i32.const 0)))

;; Imports its memory, to share it with whoever else does.
;;! refused: a plugin may import functions
(module
  (import "router_v1" "memory" (memory 1))
  (export "memory" (memory 0))
  (func (export "on_request") (result i32) (i32.const 0)))

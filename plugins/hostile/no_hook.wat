;; Exports nothing that the router would call.
;;! refused: it exports no hook
(module
  (memory (export "memory") 1)
  (func (export "on_reqest") (result i32) (i32.const 0)))

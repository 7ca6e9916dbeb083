;; Exports a global under the name of the fuel's.
;;! refused: export name is reserved for the router
(module
  (memory (export "memory") 1)
  (global (export "infinirouter.fuel") (mut i64) (i64.const 1000000000000))
  (func (export "on_request") (result i32) (i32.const 0)))

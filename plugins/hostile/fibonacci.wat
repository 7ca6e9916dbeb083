;; A tree of calls without a loop in it: a deadline that is looked at in loops never
;; comes.
;;! on_request: fuel
(module
  (memory (export "memory") 1)
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "on_request") (result i32) (call $fib (i32.const 60))))

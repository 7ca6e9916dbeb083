;; Turns NaN into an integer.
;;! on_request: trap
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (i32.trunc_f64_s (f64.const nan))))

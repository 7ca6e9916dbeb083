;; Divides the smallest number by -1, whose result there is no number for.
;;! on_request: trap
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 0)) (i32.const 1)))))

;; Returns what a hook cannot return: 2, -1, the largest and the smallest number.
;;! on_request: result
;;! reason: it returned
(module
  (import "router_v1" "random" (func $random (result i64)))
  (memory (export "memory") 1)
  (func $wild (result i32)
    (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d (i32.wrap_i64 (i64.rem_u (call $random) (i64.const 4)))))
      (return (i32.const 3)))
      (return (i32.const -1)))
      (return (i32.const 2147483647)))
    (i32.const -2147483648))
  (export "on_request" (func $wild)))

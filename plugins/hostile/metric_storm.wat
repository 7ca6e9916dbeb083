;; Counts under a new name and a new label at every call, to fill the memory of
;; whoever keeps them. The names that are kept are bounded.
;;! on_request: ok
;;! memory: 48MiB
(module
  (import "router_v1" "metric_add" (func $add (param i32 i32 f64) (result i32)))
  (import "router_v1" "random" (func $random (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "aaaaaaaaaaaaaaaa;label=aaaaaaaaaaaaaaaa")
  (func $spell (param $at i32) (param $n i64) ;; 16 letters a to p
    (local $i i32)
    (loop $next
      (i32.store8 (i32.add (local.get $at) (local.get $i))
        (i32.add (i32.const 97) (i32.wrap_i64 (i64.and (local.get $n) (i64.const 15)))))
      (local.set $n (i64.shr_u (local.get $n) (i64.const 4)))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16)))))
  (func (export "on_request") (result i32)
    (local $i i32)
    (local.set $i (i32.const 240))
    (loop $again
      (call $spell (i32.const 0) (call $random))
      (call $spell (i32.const 23) (call $random))
      (drop (call $add (i32.const 0) (i32.const 39) (f64.const 1)))
      (drop (call $add (i32.const 0) (i32.const 16) (f64.const nan)))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (i32.const 0)))

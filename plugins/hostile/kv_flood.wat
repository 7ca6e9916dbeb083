;; Stores nine hundred values of 64 KiB under new keys at every request, for ever. The
;; store keeps what fits and forgets what was not used for longest.
;;! grants: kv
;;! on_request: ok
;;! cpu: 8s
;;! memory: 112MiB
(module
  (import "router_v1" "kv_set" (func $set (param i32 i32 i32 i32 i64) (result i32)))
  (import "router_v1" "random" (func $random (result i64)))
  (memory (export "memory") 2)
  (func (export "on_request") (result i32)
    (local $i i32)
    (local.set $i (i32.const 400))
    (loop $again
      (i64.store (i32.const 0) (call $random))
      (drop (call $set (i32.const 0) (i32.const 8) (i32.const 1024) (i32.const 65536) (i64.const 0)))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    ;; a value over the limit, a key that is too long, a time that is none
    (if (i32.ge_s (call $set (i32.const 0) (i32.const 8) (i32.const 1024) (i32.const 65537) (i64.const 0)) (i32.const 0)) (then unreachable))
    (if (i32.ge_s (call $set (i32.const 0) (i32.const 300) (i32.const 1024) (i32.const 1) (i64.const 0)) (i32.const 0)) (then unreachable))
    (if (i32.ge_s (call $set (i32.const 0) (i32.const 8) (i32.const 1024) (i32.const 1) (i64.const -1)) (i32.const 0)) (then unreachable))
    (i32.const 0)))

;; Logs nine hundred lines of 6 KB at every request, with escapes that move the
;; cursor. What it may log in a second is logged, each line cut and made harmless; the
;; rest is counted.
;;! on_request: ok
(module
  (import "router_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\1b[2J\0d\0alevel=ERROR msg=\22all is lost\22\00")
  (func (export "on_request") (result i32)
    (local $i i32)
    (local.set $i (i32.const 900))
    (loop $again
      (call $log (i32.const 3) (i32.const 0) (i32.const 6000))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (i32.const 0)))

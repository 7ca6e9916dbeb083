;; Writes to standard error without end, a line of 60 KiB in a thousand pieces each
;; time. That is no host call, and fuel ends it; what it writes counts as log lines.
;;! on_request: fuel
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "on_request") (result i32)
    (local $i i32)
    (loop $pieces ;; 1000 pieces of 60 bytes
      (i32.store (i32.shl (local.get $i) (i32.const 3)) (i32.const 65536))
      (i32.store offset=4 (i32.shl (local.get $i) (i32.const 3)) (i32.const 60))
      (br_if $pieces (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (loop $again
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1000) (i32.const 32768)))
      (br $again))
    unreachable))

;; Waits for an hour, the way that language runtimes wait: a clock that it polls and
;; a sleep. Sleeping returns at once, and polling costs fuel.
;;! on_request: fuel
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (loop $again
      (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 8)))
      (drop (call $yield))
      (br $again))
    unreachable))

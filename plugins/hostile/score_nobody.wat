;; Scores services that are not there, below and above.
;;! on_route: ok
(module
  (import "router_v1" "candidate_score" (func $score (param i32 f64) (result i32)))
  (memory (export "memory") 1)
  (func $refused (param i32) (if (i32.ge_s (local.get 0) (i32.const 0)) (then unreachable)))
  (func (export "on_route") (result i32)
    (call $refused (call $score (i32.const -1) (f64.const 1)))
    (call $refused (call $score (i32.const 1000) (f64.const 1)))
    (call $refused (call $score (i32.const 0x80000000) (f64.const 1)))
    (i32.const 0)))

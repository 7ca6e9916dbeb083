;; Scores a service with infinity.
;;! on_route: result
;;! reason: a score must be finite and not negative
(module
  (import "router_v1" "candidate_score" (func $score (param i32 f64) (result i32)))
  (memory (export "memory") 1)
  (func (export "on_route") (result i32)
    (drop (call $score (i32.const 0) (f64.const inf)))
    (i32.const 0)))

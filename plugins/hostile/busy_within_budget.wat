;; The worst citizen that breaks no rule: it spins through nine tenths of its fuel at
;; every request and then returns as if nothing had been. Nothing is refused; the
;; processor time is bounded by fuel, and others go first.
;;! on_request: ok
;;! cpu: 8s
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (local $i i32)
    (local.set $i (i32.const 4500000))
    (loop $again
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (i32.const 0)))

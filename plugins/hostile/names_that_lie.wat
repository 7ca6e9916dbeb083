;; Functions whose names would move the terminal's cursor and forge a stack of the
;; router's, for a trap that shows them.
;;! on_request: trap
;;! reason: trap: unreachable
(module binary
  "\00asm" "\01\00\00\00"
  "\01\05\01\60\00\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\17\02\06memory\02\00\0aon_request\00\00"
  "\0a\05\01\03\00\00\0b"           ;; unreachable
  "\00\30\04name\01\29\01\00\26\1b[2Jgoroutine 1 [running]:\0amain.main(x")

;; Thirty-three bytes that declare 2^32 - 1 locals: compiling it takes all memory and
;; kills the process.
;;! refused: too many locals
(module binary
  "\00asm" "\01\00\00\00"
  "\01\05\01\60\00\01\7f"             ;; type () -> i32
  "\03\02\01\00"                      ;; one function
  "\0a\0c\01\0a\01\ff\ff\ff\ff\0f\7f" ;; a group of 2^32 - 1 locals
  "\41\00\0b")

package forward

// TooLarge is the error of a reply that its reader found larger than
// max_reply_body.
func TooLarge(service string) *Error { return replyError(service, faultTooLarge) }

package service

import (
	"encoding/json"
	"net/http"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// apiError is an error reply in vLLM's shape.
type apiError struct {
	status  int
	param   string // the parameter at fault, "" for none
	message string
}

func (e *apiError) Error() string { return e.message }

func unknownModel(id string) *apiError {
	return &apiError{http.StatusNotFound, "model", "The model `" + id + "` does not exist."}
}

func invalid(param, message string) *apiError {
	return &apiError{http.StatusUnprocessableEntity, param, message}
}

var errorTypes = map[int]string{
	http.StatusBadRequest:          "BadRequestError",
	http.StatusNotFound:            "NotFoundError",
	http.StatusUnprocessableEntity: "UnprocessableEntityError",
	http.StatusTooManyRequests:     "RateLimitError",
	http.StatusServiceUnavailable:  "ServiceUnavailableError",
}

func writeError(w http.ResponseWriter, e *apiError) {
	kind := errorTypes[e.status]
	if kind == "" {
		kind = "InternalServerError"
	}
	var param any
	if e.param != "" {
		param = e.param
	}
	writeJSON(w, e.status, map[string]any{"error": map[string]any{
		"message": e.message, "type": kind, "param": param, "code": e.status,
	}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

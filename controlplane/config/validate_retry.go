package config

import (
	"slices"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

func (v *validator) retries(h *networking.HTTPRoute, path string) {
	r := h.GetRetries()
	if r == nil {
		return
	}
	at := path + ".retries."
	if r.GetAttempts() < 0 {
		v.fault(at+"attempts", "%d is below 0; 0 turns retries off", r.GetAttempts())
	}
	v.positive(r.GetPerTryTimeout(), at+"perTryTimeout")
	v.positive(r.GetBackoff(), at+"backoff")
	for _, word := range RetryConditions(r.GetRetryOn()) {
		if why := withoutMeaning[word]; why != "" {
			v.fault(at+"retryOn", "%q is not supported: %s; remove it", word, why)
		} else if !retryWord(word) {
			v.fault(at+"retryOn", "%q is not a condition; want %s, or a status code", word, enumerate(retryWords()))
		}
	}
}

// RetryConditions splits retryOn into its words.
func RetryConditions(on string) []string {
	var words []string
	for word := range strings.SplitSeq(on, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func retryWord(word string) bool {
	if code, err := strconv.Atoi(word); err == nil {
		return code >= 100 && code <= 599
	}
	return slices.Contains(retryWords(), word)
}

// retryWords are Envoy's names for conditions, as far as the mesh has them.
func retryWords() []string {
	return []string{
		"5xx", "gateway-error", "connect-failure", "refused-stream", "reset", "reset-before-request",
		"retriable-4xx", "unavailable", "cancelled", "deadline-exceeded", "internal", "resource-exhausted",
		"retriable-status-codes", "envoy-ratelimited",
	}
}

// withoutMeaning are Envoy's words that nothing could ever be true of.
var withoutMeaning = map[string]string{
	"retriable-headers":          "no field names the headers that it is about",
	"http3-post-connect-failure": "sidecars do not speak HTTP/3",
}

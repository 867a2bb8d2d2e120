package api

// meaning is a response flag in words, "" when it is not known.
func meaning(flag string) string {
	return map[string]string{
		"DC":   "the caller went away",
		"DI":   "an injected delay held it back",
		"DPE":  "the caller broke the protocol",
		"DR":   "the sidecar was draining",
		"DT":   "the time for the whole request ran out",
		"FI":   "an injected fault answered",
		"NC":   "the control plane had not said whether there is such a service, or the route names a destination that does not exist",
		"NR":   "no route fits the request",
		"RL":   "a rate limit refused the request",
		"UAEX": "authorization refused the request",
		"UC":   "the instance closed the connection before it answered",
		"UF":   "the connection to the instance could not be made",
		"UH":   "no instance could take the request",
		"UO":   "a limit on connections or requests was reached",
		"UPE":  "the instance broke the protocol",
		"UR":   "the instance reset the request",
		"URX":  "every allowed attempt failed",
		"UT":   "the instance did not answer in time",
	}[flag]
}

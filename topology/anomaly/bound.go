package anomaly

import "math"

// wilsonLower is the lower end of Wilson's interval for a share, z standard errors
// wide (E. B. Wilson, 1927). It is honest for small n, where the share plus or minus
// its standard error is not.
func wilsonLower(t Tally, z float64) float64 {
	if t.Requests == 0 {
		return 0
	}
	n, p := float64(t.Requests), t.Share()
	z2 := z * z
	centre := p + z2/(2*n)
	spread := z * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return max((centre-spread)/(1+z2/n), 0)
}

// tail is the chance that at least as many of the requests fail when each fails
// with probability p by itself.
func tail(t Tally, p float64) float64 {
	n, k := float64(t.Requests), float64(t.Failed)
	switch {
	case k <= n*p || p >= 1:
		return 1 // not in the tail: the sum below would not shrink
	case p <= 0:
		return 0
	}
	lg := func(x float64) float64 { v, _ := math.Lgamma(x + 1); return v }
	term := math.Exp(lg(n) - lg(k) - lg(n-k) + k*math.Log(p) + (n-k)*math.Log1p(-p))
	sum := 0.0
	for ; k <= n && term > sum*1e-6; k++ {
		sum += term
		term *= (n - k) / (k + 1) * p / (1 - p)
	}
	return min(sum, 1)
}

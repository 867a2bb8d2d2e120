package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromSampling(s *mesh.Sampling) *Sampling {
	if s == nil {
		return nil
	}
	return &Sampling{
		Percentage: s.Percentage, KeepErrors: s.KeepErrors, KeepSlower: fromDuration(s.KeepSlower),
		Rules: each(s.Rules, func(r mesh.SamplingRule) *SamplingRule {
			return &SamplingRule{Host: r.Host, PathPrefix: r.PathPrefix, Method: r.Method, Headers: r.Headers, Percentage: r.Percentage}
		}),
	}
}

func toSampling(s *Sampling) *mesh.Sampling {
	if s == nil {
		return nil
	}
	return &mesh.Sampling{
		Percentage: s.GetPercentage(), KeepErrors: s.GetKeepErrors(), KeepSlower: toDuration(s.GetKeepSlower()),
		Rules: each(s.GetRules(), func(r *SamplingRule) mesh.SamplingRule {
			return mesh.SamplingRule{
				Host: r.GetHost(), PathPrefix: r.GetPathPrefix(), Method: r.GetMethod(), Headers: r.GetHeaders(), Percentage: r.GetPercentage(),
			}
		}),
	}
}

package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

// FromTaps is what a sidecar is asked to tell of, as it goes over the wire. Whose
// sidecars are asked does not: those that are not get nothing.
func FromTaps(taps []mesh.Tap) *Taps {
	return &Taps{Taps: each(taps, func(t mesh.Tap) *Tap {
		return &Tap{
			Id: t.ID, Direction: t.Direction, Peer: string(t.Peer), PeerVersion: string(t.PeerVersion),
			Method: t.Method, Path: t.Path, Authority: t.Authority, Status: t.Status,
			PerSecond: t.PerSecond, Headers: t.Headers,
		}
	})}
}

// ToTaps is what t stands for.
func ToTaps(t *Taps) []mesh.Tap {
	return each(t.GetTaps(), func(t *Tap) mesh.Tap {
		return mesh.Tap{
			ID: t.GetId(), Direction: t.GetDirection(), Peer: mesh.ServiceName(t.GetPeer()), PeerVersion: mesh.Version(t.GetPeerVersion()),
			Method: t.GetMethod(), Path: t.GetPath(), Authority: t.GetAuthority(), Status: t.GetStatus(),
			PerSecond: t.GetPerSecond(), Headers: t.GetHeaders(),
		}
	})
}

// FromTapBatch is b as it goes over the wire.
func FromTapBatch(b mesh.TapBatch) *TappedRequest {
	return &TappedRequest{Rows: each(b.Requests, fromTapped), Limited: b.Limited, Dropped: b.Dropped}
}

// ToTapBatch is what r stands for.
func ToTapBatch(r *TappedRequest) mesh.TapBatch {
	return mesh.TapBatch{Requests: each(r.GetRows(), toTapped), Limited: r.GetLimited(), Dropped: r.GetDropped()}
}

func fromTapped(t mesh.Tapped) *TappedRow {
	return &TappedRow{
		Taps: t.Taps, Time: FromTime(t.Time), Direction: t.Direction,
		Peer: t.Peer, PeerVersion: t.PeerVersion, PeerInstance: t.PeerInstance, PeerIdentity: t.PeerIdentity, Mtls: t.MTLS,
		Method: t.Method, Path: t.Path, Authority: t.Authority, Protocol: t.Protocol, Route: t.Route,
		Status: int32(t.Status), GrpcStatus: int32(t.GRPCStatus), Failed: t.Failed, Flags: t.Flags, Reason: t.Reason,
		RequestId: t.RequestID, TraceId: t.TraceID, Tries: int32(t.Tries),
		Took: fromDuration(t.Took), FirstByte: fromDuration(t.FirstByte), BytesIn: t.BytesIn, BytesOut: t.BytesOut,
		Request: each(t.Request, fromHeader), Response: each(t.Response, fromHeader),
	}
}

func toTapped(t *TappedRow) mesh.Tapped {
	return mesh.Tapped{
		Taps: t.GetTaps(), Time: t.GetTime().AsTime(), Direction: t.GetDirection(),
		Peer: t.GetPeer(), PeerVersion: t.GetPeerVersion(), PeerInstance: t.GetPeerInstance(), PeerIdentity: t.GetPeerIdentity(), MTLS: t.GetMtls(),
		Method: t.GetMethod(), Path: t.GetPath(), Authority: t.GetAuthority(), Protocol: t.GetProtocol(), Route: t.GetRoute(),
		Status: int(t.GetStatus()), GRPCStatus: int(t.GetGrpcStatus()), Failed: t.GetFailed(), Flags: t.GetFlags(), Reason: t.GetReason(),
		RequestID: t.GetRequestId(), TraceID: t.GetTraceId(), Tries: int(t.GetTries()),
		Took: toDuration(t.GetTook()), FirstByte: toDuration(t.GetFirstByte()), BytesIn: t.GetBytesIn(), BytesOut: t.GetBytesOut(),
		Request: each(t.GetRequest(), toHeader), Response: each(t.GetResponse(), toHeader),
	}
}

func fromHeader(h mesh.Header) *TappedHeader { return &TappedHeader{Name: h.Name, Value: h.Value} }

func toHeader(h *TappedHeader) mesh.Header {
	return mesh.Header{Name: h.GetName(), Value: h.GetValue()}
}

package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromAccessLogs(l *mesh.AccessLogs) *AccessLogs {
	if l == nil {
		return nil
	}
	return &AccessLogs{Outbound: fromAccessLog(l.Outbound), Inbound: fromAccessLog(l.Inbound)}
}

func toAccessLogs(l *AccessLogs) *mesh.AccessLogs {
	if l == nil {
		return nil
	}
	return &mesh.AccessLogs{Outbound: toAccessLog(l.GetOutbound()), Inbound: toAccessLog(l.GetInbound())}
}

func fromAccessLog(a *mesh.AccessLog) *AccessLog {
	if a == nil {
		return nil
	}
	out := &AccessLog{Off: a.Off, DropErrors: a.DropErrors}
	if a.Only != nil {
		out.Only = fromLogTest(*a.Only)
	}
	return out
}

func toAccessLog(a *AccessLog) *mesh.AccessLog {
	if a == nil {
		return nil
	}
	out := &mesh.AccessLog{Off: a.GetOff(), DropErrors: a.GetDropErrors()}
	if a.GetOnly() != nil {
		only := toLogTest(a.GetOnly())
		out.Only = &only
	}
	return out
}

func fromLogTest(t mesh.LogTest) *LogTest {
	return &LogTest{
		Op: string(t.Op), Of: each(t.Of, fromLogTest), Attribute: t.Attribute, Text: t.Text, Number: t.Number, Texts: t.Texts, Numbers: t.Numbers,
	}
}

func toLogTest(t *LogTest) mesh.LogTest {
	return mesh.LogTest{
		Op: mesh.LogOp(t.GetOp()), Of: each(t.GetOf(), toLogTest), Attribute: t.GetAttribute(), Text: t.GetText(), Number: t.GetNumber(),
		Texts: t.GetTexts(), Numbers: t.GetNumbers(),
	}
}

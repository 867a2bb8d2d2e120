package remote

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gogo/protobuf/proto"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxElements bounds how many fields the messages of a request have, down to those of
// its series: a field of two bytes becomes a hundred in memory.
const maxElements = 1_000_000

var (
	errElements  = fmt.Errorf("more than %d fields; send fewer samples at once", maxElements)
	errMalformed = errors.New("malformed message")
)

// elements counts the fields of a message and of those in it.
func elements(message []byte, depth int) (n int, err error) {
	for len(message) > 0 {
		_, kind, head := protowire.ConsumeTag(message)
		if head < 0 {
			return n, errMalformed
		}
		size := protowire.ConsumeFieldValue(1, kind, message[head:])
		if size < 0 {
			return n, errMalformed
		}
		n++
		if kind == protowire.BytesType && depth > 1 {
			inner, _ := protowire.ConsumeBytes(message[head:])
			more, _ := elements(inner, depth-1) // a string is not made of fields: as far as it goes
			n += more
		}
		if n > maxElements {
			return n, errElements
		}
		message = message[head+size:]
	}
	return n, nil
}

// decode reads a message, once it is known not to become too much in memory.
func decode(message []byte, into proto.Message, name string) error {
	if _, err := elements(message, 2); err != nil {
		return err
	}
	if err := proto.Unmarshal(message, into); err != nil {
		return fmt.Errorf("decode %s: %w", name, err)
	}
	return nil
}

// decodeV1 reads a prometheus.WriteRequest into b.
func decodeV1(message []byte, b *batch) error {
	var req prompb.WriteRequest
	if err := decode(message, &req, messageV1); err != nil {
		return err
	}
	scratch := labels.NewScratchBuilder(16)
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		s, err := b.seriesOf(ts.ToLabels(&scratch, nil))
		if err != nil {
			b.refuse(len(ts.Samples)+len(ts.Histograms)+len(ts.Exemplars), err)
			continue
		}
		for _, v := range ts.Samples {
			b.value(&s, 0, v.Timestamp, v.Value)
		}
		for _, h := range ts.Histograms {
			b.histogramV1(&s, &h)
		}
		for _, e := range ts.Exemplars {
			b.exemplar(&s, e.ToExemplar(&scratch, nil))
		}
	}
	for _, m := range req.Metadata {
		b.describe(m.MetricFamilyName, strings.ToLower(m.Type.String()), m.Unit, m.Help)
	}
	return nil
}

func (b *batch) histogramV1(s *series, h *prompb.Histogram) {
	if h.IsFloatHistogram() {
		b.histogram(s, 0, h.Timestamp, nil, h.ToFloatHistogram())
		return
	}
	b.histogram(s, 0, h.Timestamp, h.ToIntHistogram(), nil)
}

// decodeV2 reads an io.prometheus.write.v2.Request into b.
func decodeV2(message []byte, b *batch) error {
	var req writev2.Request
	if err := decode(message, &req, messageV2); err != nil {
		return err
	}
	if len(req.Symbols) > 0 && req.Symbols[0] != "" {
		return errors.New("decode io.prometheus.write.v2.Request: the first symbol is not the empty one")
	}
	scratch := labels.NewScratchBuilder(16)
	for i := range req.Timeseries {
		b.seriesV2(&req.Timeseries[i], req.Symbols, &scratch)
	}
	return nil
}

func (b *batch) seriesV2(ts *writev2.TimeSeries, symbols []string, scratch *labels.ScratchBuilder) {
	all := len(ts.Samples) + len(ts.Histograms) + len(ts.Exemplars)
	l, err := ts.ToLabels(scratch, symbols)
	if err != nil {
		b.refuse(all, fmt.Errorf("labels of a series: %w", err))
		return
	}
	s, err := b.seriesOf(l)
	if err == nil && len(ts.Samples)+len(ts.Histograms) == 0 {
		err = fmt.Errorf("series %s: no sample; want at least one", l)
	}
	if err != nil {
		b.refuse(all, err)
		return
	}
	for _, v := range ts.Samples {
		b.value(&s, v.StartTimestamp, v.Timestamp, v.Value)
	}
	for i := range ts.Histograms {
		b.histogramV2(&s, &ts.Histograms[i])
	}
	for _, e := range ts.Exemplars {
		read, err := e.ToExemplar(scratch, symbols)
		if err != nil {
			b.refuse(1, fmt.Errorf("exemplar of %s: %w", l, err))
			continue
		}
		b.exemplar(&s, read)
	}
	m, err := ts.ToMetadata(symbols)
	if err != nil {
		if len(symbols) > 0 { // else there are none that it could name
			b.refuse(0, fmt.Errorf("metadata of %s: %w", l, err))
		}
		return
	}
	b.describe(family(s.metric, m.Type), string(m.Type), m.Unit, m.Help)
}

// family is the metric to which the parts of a histogram or summary belong.
func family(metric string, kind model.MetricType) string {
	var suffixes []string
	switch kind {
	case model.MetricTypeHistogram, model.MetricTypeGaugeHistogram:
		suffixes = []string{"_bucket", "_count", "_sum"}
	case model.MetricTypeSummary:
		suffixes = []string{"_count", "_sum"}
	}
	for _, s := range suffixes {
		if name, ok := strings.CutSuffix(metric, s); ok && name != "" {
			return name
		}
	}
	return metric
}

func (b *batch) histogramV2(s *series, h *writev2.Histogram) {
	if h.IsFloatHistogram() {
		b.histogram(s, h.StartTimestamp, h.Timestamp, nil, h.ToFloatHistogram())
		return
	}
	b.histogram(s, h.StartTimestamp, h.Timestamp, h.ToIntHistogram(), nil)
}

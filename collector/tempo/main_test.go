package tempo

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Child()
	goleak.VerifyTestMain(m)
}

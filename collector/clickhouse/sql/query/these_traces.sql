-- Whose id is one of a list.
SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {ids:String}))), 16)

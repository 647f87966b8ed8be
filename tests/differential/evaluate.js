// SPDX-License-Identifier: Apache-2.0
// Each line of standard input is {"e": expression, "d": data}; each line of standard output what JavaScript makes of it:
// {"v": value}, {"undefined": true}, {"type": "not_a_number"} or {"error": text}.
'use strict';
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(l => l);

function finite(v) {
    if (typeof v === 'number') return Number.isFinite(v);
    return v === null || typeof v !== 'object' || Object.values(v).every(finite);
}

function answer(question) {
    let v;
    try {
        v = Function('d', 'with (d) { return (' + question.e + '\n) }')(question.d);
    } catch (e) {
        return {error: String(e)};
    }
    if (v === undefined) return {undefined: true};
    return finite(v) ? {v} : {type: 'not_a_number'};
}

process.stdout.write(lines.map(l => JSON.stringify(answer(JSON.parse(l))) + '\n').join(''));

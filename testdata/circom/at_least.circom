pragma circom 2.1.6;

// A circuit as people bring to attestlog: a hidden income is at least a public threshold. Its first public input is the context, which
// ties a proof to one event; the others are there to have an input of each type that a statement's schema knows.
//
// circom puts a circuit's outputs before its inputs among the public ones, so this one has none.
template AtLeast(bits) {
    signal input context;
    signal input threshold;
    signal input adult;
    signal input city;
    signal input model[2];
    signal input root;
    signal input register;

    signal input income;

    // Each public input stands in a constraint. snarkjs's set-up binds them anyway, but not every tool's does.
    signal bound[6];
    bound[0] <== context * context;
    bound[1] <== city * city;
    bound[2] <== model[0] * model[0];
    bound[3] <== model[1] * model[1];
    bound[4] <== root * root;
    bound[5] <== register * register;
    adult * (adult - 1) === 0;

    // income − threshold has so many binary digits, and so is not negative.
    signal digits[bits];
    var sum = 0;
    for (var i = 0; i < bits; i++) {
        digits[i] <-- ((income - threshold) >> i) & 1;
        digits[i] * (digits[i] - 1) === 0;
        sum += digits[i] * (1 << i);
    }
    sum === income - threshold;
}

component main {public [context, threshold, adult, city, model, root, register]} = AtLeast(32);

/* TensorFlow's operations: PipelineExchangeSum, PipelineExchangeBroadcast and PipelineExchangeGather.
 *
 * By TensorFlow's C API, which does not change with its compiler and its release as its C++ classes do. The operations
 * are stateful, and take a resource that all of a group share: TensorFlow then runs them in the order in which they
 * were traced, also where one is within a branch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ops.h names these types as C++ does. */
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;
typedef struct TF_ShapeHandle TF_ShapeHandle;
typedef struct TF_DimensionHandle TF_DimensionHandle;

#include "membership.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

#define FIRST 1 /* input: the resource comes before the tensors */
#define MAX_DIMENSIONS 254

typedef struct {
    int64_t group;
    char *tag;
} Kernel;

/* What a call needs for the time of a step. */
typedef struct {
    TF_OpKernelContext *context;
    const Kernel *kernel;
    Group *group;
    int count;
    Tensor *tensors;
    TF_Tensor **outputs;
    TF_Status *status;
    Failure failure;
} Step;

static const Type TYPES[] = {
    [TF_FLOAT] = TYPE_FLOAT32, [TF_DOUBLE] = TYPE_FLOAT64, [TF_HALF] = TYPE_FLOAT16, [TF_BFLOAT16] = TYPE_BFLOAT16,
    [TF_INT8] = TYPE_INT8,     [TF_INT16] = TYPE_INT16,    [TF_INT32] = TYPE_INT32,  [TF_INT64] = TYPE_INT64,
    [TF_UINT8] = TYPE_UINT8,   [TF_UINT16] = TYPE_UINT16,  [TF_UINT32] = TYPE_UINT32, [TF_UINT64] = TYPE_UINT64,
    [TF_BOOL] = TYPE_BYTES,
};
#define ALLOWED "{float, double, half, bfloat16, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool}"

static int is_ok(const Step *step) { return TF_GetCode(step->status) == TF_OK; }

/* The input as it is in memory. The handle is deleted at once: a second one on a buffer would keep TensorFlow from
 * forwarding it to the output, and the operation's context keeps it alive. */
static int take_input(Step *step, int i, int64_t *dimensions, int *rank) {
    TF_Tensor *input = NULL;
    TF_GetInput(step->context, FIRST + i, &input, step->status);
    if (!is_ok(step)) return -1;
    step->tensors[i] = (Tensor){
        TF_TensorData(input), NULL, TF_TensorByteSize(input), TYPES[TF_TensorType(input)]};
    *rank = TF_NumDims(input);
    for (int d = 0; d < *rank; d++) dimensions[d] = TF_Dim(input, d);
    TF_DeleteTensor(input);
    return 0;
}

static int forward_input(Step *step, int i) {
    int64_t dimensions[MAX_DIMENSIONS];
    int rank, candidate = FIRST + i, forwarded;
    if (take_input(step, i, dimensions, &rank)) return -1;
    step->outputs[i] =
        TF_ForwardInputOrAllocateOutput(step->context, &candidate, 1, i, dimensions, rank, &forwarded, step->status);
    if (!is_ok(step)) return -1;
    step->tensors[i].out = TF_TensorData(step->outputs[i]);
    return 0;
}

static int sum(Step *step) {
    for (int i = 0; i < step->count; i++)
        if (forward_input(step, i)) return -1;
    return exchange_sum(step->group, step->kernel->tag, step->tensors, step->count, &step->failure);
}

static int broadcast(Step *step) {
    for (int i = 0; i < step->count; i++)
        if (forward_input(step, i)) return -1;
    return exchange_broadcast(step->group, step->kernel->tag, step->tensors, step->count, &step->failure);
}

/* Make room for the rows of all ranks, and turn rows [ranks][count] into bytes. */
static int allocate_gathered(Step *step, int i, uint64_t *rows) {
    int64_t dimensions[MAX_DIMENSIONS], total = 0;
    int rank;
    uint64_t row = step->tensors[i].bytes;
    TF_DataType type = TF_ExpectedOutputDataType(step->context, i);
    if (take_input(step, i, dimensions, &rank)) return -1;
    for (int r = 0; r < group_ranks(step->group); r++) {
        total += (int64_t)rows[r * step->count + i];
        rows[r * step->count + i] *= row;
    }
    dimensions[0] = total;
    step->outputs[i] =
        TF_AllocateOutput(step->context, i, type, dimensions, rank, (size_t)total * row, step->status);
    if (!is_ok(step)) return -1;
    step->tensors[i].out = TF_TensorData(step->outputs[i]);
    return 0;
}

/* The bytes of one row in the place of those of the tensor; how many rows there are. */
static int describe_rows(Step *step, int i, uint64_t *rows) {
    int64_t dimensions[MAX_DIMENSIONS];
    int rank;
    if (take_input(step, i, dimensions, &rank)) return -1;
    if (rank == 0) {
        TF_SetStatus(step->status, TF_INVALID_ARGUMENT, "a scalar has no rows that could be gathered");
        return -1;
    }
    size_t row = TF_DataTypeSize(TF_ExpectedOutputDataType(step->context, i));
    for (int d = 1; d < rank; d++) row *= (size_t)dimensions[d];
    step->tensors[i].bytes = row;
    *rows = (uint64_t)dimensions[0];
    return 0;
}

static int gather_rows(Step *step, uint64_t *own, uint64_t *rows) {
    for (int i = 0; i < step->count; i++)
        if (describe_rows(step, i, own + i)) return -1;
    if (exchange_rows(step->group, step->kernel->tag, step->tensors, step->count, own, rows, &step->failure)) return -1;
    for (int i = 0; i < step->count; i++)
        if (allocate_gathered(step, i, rows)) return -1;
    return exchange_gather(step->group, step->kernel->tag, step->tensors, step->count, rows, &step->failure);
}

static int gather(Step *step) {
    size_t count = (size_t)step->count;
    uint64_t *rows = calloc(count * (size_t)(group_ranks(step->group) + 1), sizeof *rows);
    if (rows == NULL) {
        TF_SetStatus(step->status, TF_RESOURCE_EXHAUSTED, "out of memory");
        return -1;
    }
    int result = gather_rows(step, rows, rows + count);
    free(rows);
    return result;
}

/* Python knows by these words whether another rank is the cause; see `CONSEQUENCE` in failure.py. */
static void tell_failure(Step *step) {
    char text[EXCHANGE_MESSAGE_BYTES + 256];
    int own = step->failure.cause == CAUSE_MISMATCH || step->failure.cause == CAUSE_REFUSED;
    snprintf(text, sizeof text, "The exchange '%s' between ranks %s: %s.", step->kernel->tag,
             own ? "is refused" : "broke off", step->failure.message);
    TF_SetStatus(step->status, own ? TF_INVALID_ARGUMENT : TF_UNAVAILABLE, text);
}

static void run_step(Step *step, int (*work)(Step *)) {
    step->tensors = calloc((size_t)step->count, sizeof(Tensor));
    step->outputs = calloc((size_t)step->count, sizeof(TF_Tensor *));
    if (step->tensors == NULL || step->outputs == NULL)
        TF_SetStatus(step->status, TF_RESOURCE_EXHAUSTED, "out of memory");
    else if (work(step) && is_ok(step))
        tell_failure(step);
    for (int i = 0; step->outputs && i < step->count; i++)
        if (step->outputs[i]) TF_DeleteTensor(step->outputs[i]);
    free(step->tensors);
    free(step->outputs);
}

static void compute(const Kernel *kernel, TF_OpKernelContext *context, int (*work)(Step *)) {
    Step step = {.context = context, .kernel = kernel, .count = TF_NumOutputs(context), .status = TF_NewStatus()};
    /* Asked for at each step: a kernel may be made before its group, and live longer. */
    step.group = borrow_group(kernel->group);
    if (step.group == NULL) {
        TF_SetStatus(step.status, TF_FAILED_PRECONDITION, "This rank has left the group of ranks that exchange tensors.");
    } else {
        run_step(&step, work);
        give_back_group(kernel->group);
    }
    if (!is_ok(&step)) TF_OpKernelContext_Failure(context, step.status);
    TF_DeleteStatus(step.status);
}

static void compute_sum(void *kernel, TF_OpKernelContext *context) { compute(kernel, context, sum); }
static void compute_broadcast(void *kernel, TF_OpKernelContext *context) { compute(kernel, context, broadcast); }
static void compute_gather(void *kernel, TF_OpKernelContext *context) { compute(kernel, context, gather); }

static void delete_kernel(void *made) {
    Kernel *kernel = made;
    if (kernel) free(kernel->tag);
    free(kernel);
}

static void read_attributes(TF_OpKernelConstruction *construction, Kernel *kernel, TF_Status *status) {
    int32_t items, bytes;
    TF_OpKernelConstruction_GetAttrInt64(construction, "group", &kernel->group, status);
    if (TF_GetCode(status) != TF_OK) return;
    TF_OpKernelConstruction_GetAttrSize(construction, "tag", &items, &bytes, status);
    if (TF_GetCode(status) != TF_OK) return;
    kernel->tag = calloc((size_t)bytes + 1, 1);
    TF_OpKernelConstruction_GetAttrString(construction, "tag", kernel->tag, (size_t)bytes, status);
}

static void *make_kernel(TF_OpKernelConstruction *construction) {
    TF_Status *status = TF_NewStatus();
    Kernel *kernel = calloc(1, sizeof(Kernel));
    read_attributes(construction, kernel, status);
    if (TF_GetCode(status) != TF_OK) {
        TF_OpKernelConstruction_Failure(construction, status);
        delete_kernel(kernel);
        kernel = NULL;
    }
    TF_DeleteStatus(status);
    return kernel;
}

static void keep_shapes(TF_ShapeInferenceContext *context, TF_Status *status) {
    TF_ShapeHandle *shape = TF_NewShapeHandle();
    int64_t inputs = TF_ShapeInferenceContextNumInputs(context);
    for (int i = 0; FIRST + i < inputs && TF_GetCode(status) == TF_OK; i++) {
        TF_ShapeInferenceContextGetInput(context, FIRST + i, shape, status);
        if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, i, shape, status);
    }
    TF_DeleteShapeHandle(shape);
}

static void forget_rows(TF_ShapeInferenceContext *context, int i, TF_ShapeHandle *shape, TF_Status *status) {
    TF_ShapeInferenceContextGetInput(context, FIRST + i, shape, status);
    if (TF_GetCode(status) != TF_OK) return;
    TF_ShapeInferenceContextWithRankAtLeast(context, shape, 1, shape, status);
    if (TF_GetCode(status) != TF_OK) return;
    TF_ShapeHandle *rows = TF_ShapeInferenceContextVectorFromSize(context, (size_t)-1); /* not known */
    if (TF_ShapeInferenceContextRankKnown(context, shape)) {
        TF_ShapeInferenceContextSubshape(
            context, shape, 1, TF_ShapeInferenceContextRank(context, shape), shape, status);
        if (TF_GetCode(status) == TF_OK)
            TF_ShapeInferenceContextConcatenateShapes(context, rows, shape, shape, status);
    }
    if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, i, shape, status);
    TF_DeleteShapeHandle(rows);
}

static void forget_all_rows(TF_ShapeInferenceContext *context, TF_Status *status) {
    TF_ShapeHandle *shape = TF_NewShapeHandle();
    int64_t inputs = TF_ShapeInferenceContextNumInputs(context);
    for (int i = 0; FIRST + i < inputs && TF_GetCode(status) == TF_OK; i++) forget_rows(context, i, shape, status);
    TF_DeleteShapeHandle(shape);
}

static void give_up(const char *name, TF_Status *status) {
    if (TF_GetCode(status) == TF_OK) return;
    fprintf(stderr, "%s cannot be registered: %s\n", name, TF_Message(status));
    abort();
}

static void define(
    const char *name, void (*shapes)(TF_ShapeInferenceContext *, TF_Status *),
    void (*compute)(void *, TF_OpKernelContext *)) {
    TF_Status *status = TF_NewStatus();
    TF_OpDefinitionBuilder *builder = TF_NewOpDefinitionBuilder(name);
    TF_OpDefinitionBuilderAddInput(builder, "order: resource");
    TF_OpDefinitionBuilderAddInput(builder, "tensors: T");
    TF_OpDefinitionBuilderAddOutput(builder, "outputs: T");
    TF_OpDefinitionBuilderAddAttr(builder, "T: list(" ALLOWED ") >= 1");
    TF_OpDefinitionBuilderAddAttr(builder, "group: int");
    TF_OpDefinitionBuilderAddAttr(builder, "tag: string");
    TF_OpDefinitionBuilderSetIsStateful(builder, true);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, shapes);
    TF_RegisterOpDefinition(builder, status);
    give_up(name, status);
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", make_kernel, compute, delete_kernel), status);
    give_up(name, status);
    TF_DeleteStatus(status);
}

__attribute__((constructor)) static void register_operations(void) {
    define("PipelineExchangeSum", keep_shapes, compute_sum);
    define("PipelineExchangeBroadcast", keep_shapes, compute_broadcast);
    define("PipelineExchangeGather", forget_all_rows, compute_gather);
}
